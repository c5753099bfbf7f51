/* Functions whose call frame information the compiler puts into .debug_frame alone. */
typedef void (*callback)(void);

void debug_frame_calls(callback back) {
  volatile char room[200];
  room[0] = 1;
  back();
  room[1] = room[0]; /* no tail call */
}
