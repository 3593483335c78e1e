// Creates one MongoDB role and one user for each service, with no more rights than the service needs (roles.json). Run it with mongosh as
// an administrator, from this folder. It can be run again: it then updates roles and passwords.
//
//     DATABASE=alkaid PASSWORDS='{"schedule":"...","creative":"...","strategy":"...","audit":"...","delivery":"...","stats":"..."}' \
//       mongosh "mongodb://admin@db.internal/admin" create-users.js
//
// Then give each service its own MONGODB_URI, for example
// `mongodb://alkaid-stats:PASSWORD@db.internal/alkaid?replicaSet=rs0&authSource=alkaid`.

const roles = JSON.parse(require('node:fs').readFileSync('roles.json', 'utf8'))
const passwords = JSON.parse(process.env.PASSWORDS ?? '{}')
const missing = Object.keys(roles).filter((service) => !passwords[service])
if (missing.length > 0) throw new Error(`PASSWORDS lacks a password for: ${missing.join(', ')}`)

const database = process.env.DATABASE ?? 'alkaid'
const alkaid = db.getSiblingDB(database)
for (const [service, rights] of Object.entries(roles)) {
  const name = `alkaid-${service}`
  const privileges = Object.entries(rights).map(([collection, actions]) => ({
    resource: { db: database, collection },
    actions,
  }))
  if (alkaid.getRole(name)) alkaid.updateRole(name, { privileges, roles: [] })
  else alkaid.createRole({ role: name, privileges, roles: [] })
  const user = { pwd: passwords[service], roles: [{ role: name, db: database }] }
  if (alkaid.getUser(name)) alkaid.updateUser(name, user)
  else alkaid.createUser({ user: name, ...user })
  print(`${name}: ${privileges.length} collections`)
}
