// Makes a proof of work beside the page, which stays as quick as it was.
import { Miner } from "./pow"

self.onmessage = ({ data }: MessageEvent<{ token: string; pieces: number; difficulty: number }>) => {
  for (let piece = 0; piece < data.pieces; piece++) {
    const nonce = new Miner(data.token, piece, data.difficulty).run(2 ** 31)
    postMessage(nonce)
  }
}
