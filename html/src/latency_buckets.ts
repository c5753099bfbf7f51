// The histogram of latencies as collector/base/histogram.h numbers it: 16 buckets a power of two.

export function lowerBound(bucket: number): number {
  if (bucket < 16) {
    return bucket;
  }
  const exponent = Math.floor(bucket / 16) + 3;
  return 2 ** exponent + (bucket % 16) * 2 ** (exponent - 4);
}

// Where a power of ten begins, with 2 and 5 times it, within the range: what an axis names.
export function latencyTicks(from_ns: number, to_ns: number, most: number): number[] {
  const ticks = [];
  for (let power = 1; power <= to_ns; power *= 10) {
    for (const step of [1, 2, 5]) {
      if (step * power >= from_ns && step * power <= to_ns) {
        ticks.push(step * power);
      }
    }
  }
  if (ticks.length <= most) {
    return ticks;
  }
  const tens = ticks.filter((tick) => Number.isInteger(Math.log10(tick)));
  return tens.length > 0 ? tens : ticks.slice(0, most);
}
