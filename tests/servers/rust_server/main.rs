// An HTTP server, a thread a connection: GET /burn?ms=N works N ms in work::burn_cpu, GET /sleep?ms=N
// sleeps. Standard library alone. rust_server PORT
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

mod work {
    use super::*;

    pub trait Work {
        fn run(&self, time: Duration) -> u64;
    }
    pub struct Burn;
    impl Work for Burn {
        #[inline(never)]
        fn run(&self, time: Duration) -> u64 {
            burn_cpu(time)
        }
    }

    #[inline(never)]
    pub fn burn_cpu(time: Duration) -> u64 {
        let end = Instant::now() + time;
        let mut turns = 0u64;
        while Instant::now() < end {
            for i in 0..1000u64 {
                turns = std::hint::black_box(turns.wrapping_add(i ^ turns));
            }
        }
        turns
    }
}

fn serve(stream: TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut out = stream;
    loop {
        let mut request = String::new();
        if reader.read_line(&mut request)? == 0 {
            return Ok(());
        }
        let mut field = String::from("x");
        while !field.trim().is_empty() {
            field.clear();
            reader.read_line(&mut field)?;
        }
        let digits: String = request
            .chars()
            .skip_while(|c| !c.is_ascii_digit())
            .take_while(|c| c.is_ascii_digit())
            .collect();
        let time = Duration::from_millis(digits.parse().unwrap_or(0));
        if request.contains("/burn") {
            let work: Box<dyn work::Work> = Box::new(work::Burn);
            work.run(time);
        } else {
            std::thread::sleep(time);
        }
        out.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\ndone\n")?;
    }
}

fn main() -> std::io::Result<()> {
    let port = std::env::args().nth(1).unwrap_or_default();
    for stream in TcpListener::bind(format!("127.0.0.1:{port}"))?.incoming().flatten() {
        std::thread::spawn(move || serve(stream));
    }
    Ok(())
}
