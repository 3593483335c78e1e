// Checks the version of Node. The commands in package.json load this file first (`node -r`), before any TypeScript. An old Node cannot
// read TypeScript and prints only a stack trace. This file is plain JavaScript, so that every Node can run it.

const { engines } = require('../package.json')

const wanted = Number(/\d+/.exec(engines.node)[0])

if (Number(process.versions.node.split('.')[0]) < wanted) {
  console.error(
    `Alkaid needs Node ${wanted} or newer, and ${process.execPath} is ${process.versions.node}. ` +
      '`npm ci` brings the right one for `npm start` and the other commands, unless it runs without install scripts; ' +
      'then install it from https://nodejs.org',
  )
  process.exit(1)
}
