import { defineCommand } from './command.ts'

export const demoCommand = defineCommand({ name: 'demo', summary: '', options: {}, about: '', run: async () => 0 })
