/** What a client must offer in `Sec-WebSocket-Protocol`, and the relay answers. [protocol §5] */
export const SUBPROTOCOL = 'lethe.v1'
