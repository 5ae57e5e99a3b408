// What the links of letters lead to. Nothing happens before the button is pressed: programs look at links too.
const [kind, token] = location.pathname.split('/').filter(Boolean)
const at = (id) => document.getElementById(id)
const KINDS = {
  'verify-email': ['Confirm your address', 'Confirm', '/tenants/verify-email/'],
  'reset-password': ['Choose a new password', 'Set the password', '/tenants/reset-password/'],
  'accept-invitation': ['Join your team', 'Join', '/tenants/members/accept/'],
}
const [title, label, path] = KINDS[kind]
document.title = at('title').textContent = title
at('go').textContent = label
if (kind === 'verify-email') {
  at('password').remove()
  at('again').remove()
}

at('act').addEventListener('submit', async (event) => {
  event.preventDefault()
  const body = { token }
  if (at('password')) {
    body.password = at('password').value
    body.confirm_password = at('again').value
    if (body.password !== body.confirm_password) return tell('The passwords differ.', 'bad')
  }
  const answer = await fetch(path, {
    method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body),
  })
  const told = await answer.json()
  if (answer.ok) {
    at('act').remove()
    return tell(`${told.message} You can log in ${told.email ? `with ${told.email} ` : ''}now.`, 'good')
  }
  const detail = typeof told.detail === 'string' ? told.detail
    : Object.entries(told.detail).map(([name, faults]) => `${name}: ${faults.join(', ')}`).join('; ')
  return tell(detail, 'bad')
})

function tell(text, mood) {
  at('state').textContent = text
  at('state').className = `state ${mood}`
}
