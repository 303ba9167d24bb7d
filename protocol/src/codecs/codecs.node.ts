// The codecs on Node. Node's zlib will stand here; until a codec beyond `none` works, both sides share one table.

export { type Codec, type CodecName, codecs } from "./codecs.ts";
