import { crc32, deflateSync, inflateSync } from 'node:zlib'

const SIGNATURE = Buffer.from('89504e470d0a1a0a', 'hex')
const MAX_COLOURS = 256
/** Bits of each channel that are kept: shades of antialiased text that no eye tells apart become one. */
const KEPT_BITS = 0xfc

/**
 * The same picture with a palette of at most 256 colours, a third of the size (PNG Specification, third edition). Takes what Chromium writes: 8 bits,
 * RGB or RGBA, not interlaced. Throws for any other.
 */
export function toSmallPng(png: Buffer): Buffer {
  const { width, height, channels, data } = decode(png)
  const counts = new Map<number, number>()
  const pixels = new Uint32Array(width * height)
  for (let pixel = 0; pixel < pixels.length; pixel += 1) {
    const at = pixel * channels
    const colour =
      ((data[at] ?? 0) & KEPT_BITS) * 65_536 +
      ((data[at + 1] ?? 0) & KEPT_BITS) * 256 +
      ((data[at + 2] ?? 0) & KEPT_BITS)
    pixels[pixel] = colour
    counts.set(colour, (counts.get(colour) ?? 0) + 1)
  }
  const palette = [...counts]
    .toSorted(([, left], [, right]) => right - left)
    .slice(0, MAX_COLOURS)
    .map(([colour]) => colour)
  const indexes = new Map([...counts.keys()].map((colour) => [colour, nearest(palette, colour)]))
  const rows = Buffer.alloc(height * (width + 1))
  for (let y = 0; y < height; y += 1)
    for (let x = 0; x < width; x += 1) rows[y * (width + 1) + 1 + x] = indexes.get(pixels[y * width + x] ?? 0) ?? 0
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.set([8, 3, 0, 0, 0], 8)
  // White stays white: the bits that were dropped come back from those that were kept.
  const colours = Buffer.from(
    palette.flatMap((colour) => [colour >> 16, (colour >> 8) & 255, colour & 255].map((part) => part | (part >> 6))),
  )
  return Buffer.concat([
    SIGNATURE,
    chunk('IHDR', header),
    chunk('PLTE', colours),
    chunk('IDAT', deflateSync(rows, { level: 9 })),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

function nearest(palette: readonly number[], colour: number): number {
  const distance = (other: number): number =>
    [16, 8, 0].reduce((sum, shift) => sum + (((other >> shift) & 255) - ((colour >> shift) & 255)) ** 2, 0)
  let best = palette.indexOf(colour)
  if (best >= 0) return best
  best = 0
  for (const [index, other] of palette.entries()) if (distance(other) < distance(palette[best] ?? 0)) best = index
  return best
}

function decode(png: Buffer) {
  const parts: Buffer[] = []
  let [width, height, channels] = [0, 0, 0]
  for (let at = SIGNATURE.length; at < png.length;) {
    const length = png.readUInt32BE(at)
    const body = png.subarray(at + 8, at + 8 + length)
    const type = png.toString('latin1', at + 4, at + 8)
    if (type === 'IHDR') {
      ;[width, height] = [body.readUInt32BE(0), body.readUInt32BE(4)]
      channels = body[8] === 8 && body[12] === 0 ? ({ 2: 3, 6: 4 }[body[9] ?? 0] ?? 0) : 0
      if (channels === 0) throw new Error('not a PNG of 8 bits with RGB or RGBA')
    }
    if (type === 'IDAT') parts.push(body)
    at += length + 12
  }
  return {
    width,
    height,
    channels,
    data: unfilter(inflateSync(Buffer.concat(parts)), width * channels, height, channels),
  }
}

/** PNG Specification, "Filtering". */
function unfilter(filtered: Buffer, stride: number, height: number, channels: number): Uint8Array {
  const data = new Uint8Array(stride * height)
  for (let y = 0; y < height; y += 1) {
    const filter = filtered[y * (stride + 1)]
    for (let x = 0; x < stride; x += 1) {
      const left = x < channels ? 0 : (data[y * stride + x - channels] ?? 0)
      const up = y === 0 ? 0 : (data[(y - 1) * stride + x] ?? 0)
      const corner = y === 0 || x < channels ? 0 : (data[(y - 1) * stride + x - channels] ?? 0)
      const predicted = [0, left, up, (left + up) >> 1, paeth(left, up, corner)][filter ?? 0] ?? 0
      data[y * stride + x] = ((filtered[y * (stride + 1) + 1 + x] ?? 0) + predicted) & 255
    }
  }
  return data
}

function paeth(left: number, up: number, corner: number): number {
  const estimate = left + up - corner
  const [toLeft, toUp, toCorner] = [left, up, corner].map((value) => Math.abs(estimate - value)) as [
    number,
    number,
    number,
  ]
  return toLeft <= toUp && toLeft <= toCorner ? left : toUp <= toCorner ? up : corner
}

function chunk(type: string, body: Buffer): Buffer {
  const named = Buffer.concat([Buffer.from(type, 'latin1'), body])
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)]
  length.writeUInt32BE(body.length)
  sum.writeUInt32BE(crc32(named))
  return Buffer.concat([length, named, sum])
}
