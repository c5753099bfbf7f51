// An HTTP server on goroutines: GET /burn?ms=N works N ms in main.burnCPU, GET /sleep?ms=N sleeps.
// go_server PORT
package main

import (
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

//go:noinline
func burnCPU(d time.Duration) uint64 {
	var turns uint64
	for end := time.Now().Add(d); time.Now().Before(end); {
		for i := uint64(0); i < 1000; i++ {
			turns += i ^ turns
		}
	}
	return turns
}

func milliseconds(request *http.Request) time.Duration {
	n, _ := strconv.Atoi(request.URL.Query().Get("ms"))
	return time.Duration(n) * time.Millisecond
}

func main() {
	http.HandleFunc("/burn", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, burnCPU(milliseconds(r)))
	})
	http.HandleFunc("/sleep", func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(milliseconds(r))
		fmt.Fprintln(w, "slept")
	})
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM)
	go func() {
		<-ended
		os.Exit(0)
	}()
	if err := http.ListenAndServe("127.0.0.1:"+os.Args[1], nil); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
