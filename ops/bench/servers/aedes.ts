import { type AddressInfo, createServer } from 'node:net'
import { Aedes } from 'aedes'

/** aedes as it comes: sessions, queues and messages in the memory of this process. */
const broker = await Aedes.createBroker()
const server = createServer((socket) => broker.handle(socket))
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port))
process.on('disconnect', () => process.exit())
