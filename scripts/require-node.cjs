// Preloaded by the commands of package.json (`node -r`), before any TypeScript: an older Node cannot read that, and would
// answer with a stack trace. Plain old JavaScript, so that every Node can run it.

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
