// The console's pages: one row and one module each. A module's default export is the page's element, which is given
// `app` (what all pages share) and `path` (what follows the page's own name in the address), and may have `commands`:
// rows as in `keys.js`, which work while the page is shown.

export const PAGES = [
  { id: "inbox", name: "Inbox", icon: "inbox", key: "g i", permission: "inbox.view", load: () => import("./inbox/page.js") },
  { id: "calls", name: "Calls", icon: "calls", key: "g c", permission: "voice.view", load: () => import("./calls/page.js") },
  { id: "trunks", name: "Trunks", icon: "trunks", key: "g t", permission: "voice.manage", load: () => import("./trunks/page.js") },
  { id: "broadcasts", name: "Broadcasts", icon: "broadcasts", key: "g b", permission: "broadcast.view", load: () => import("./broadcasts/page.js") },
  { id: "wallet", name: "Wallet", icon: "wallet", key: "g w", permission: "billing.view", load: () => import("./wallet/page.js") },
  { id: "webhooks", name: "Webhooks", icon: "webhooks", key: "g k", permission: "webhook.view", load: () => import("./webhooks/page.js") },
  { id: "settings", name: "Settings", icon: "settings", key: "g s", permission: "users.view", load: () => import("./settings/page.js") },
  { id: "try", name: "Try it", icon: "phone", key: "g h", permission: "inbox.reply", load: () => import("./start/page.js") },
];
