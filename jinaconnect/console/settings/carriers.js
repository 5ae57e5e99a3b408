// What each carrier's account is made of.

const secret = (name, label, more = {}) => ({ name, label, type: "password", ...more });
const named = { name: "app_name", label: "Name" };
const number = { name: "phone_number", label: "Number", type: "tel", hint: "+12025550123" };

/** Return the fields of a form as the API takes them: some of them are credentials. */
function body(provider, credentials, where) {
  return (carrier, given) => {
    const held = Object.fromEntries(Object.entries(given).filter(([name]) => credentials.includes(name)));
    const fields = Object.fromEntries(Object.entries(given).filter(([name]) => !credentials.includes(name)));
    return { [provider]: carrier, ...(Object.keys(held).length && { [where]: held }), fields };
  };
}

export const KINDS = {
  whatsapp: {
    name: "WhatsApp", one: "a WhatsApp number", path: "/wa/v1/apps/", title: (row) => row.app_name, about: (row) => `${row.phone_number} · ${row.bsp}`,
    body: body("bsp", ["access_token", "app_token", "api_key"], "bsp_credentials"),
    carriers: {
      META: {
        name: "Meta", fields: [named, number, { name: "waba_id", label: "WhatsApp Business account id" }, { name: "phone_number_id", label: "Phone number id" },
          secret("access_token", "Access token"), secret("app_secret", "App secret"), secret("verify_token", "Verify token")],
        note: "Meta asks for the verify token when its webhook is set: give the same there.",
      },
      GUPSHUP: { name: "Gupshup", fields: [named, number, { name: "app_id", label: "App id" }, secret("app_token", "App token")] },
    },
  },
  sms: {
    name: "SMS", one: "an SMS sender", path: "/sms/v1/apps/", title: (row) => row.app_name || row.sender_id, about: (row) => `${row.sender_id} · ${row.provider}`,
    body: body("provider", ["account_sid", "auth_token", "auth_key", "api_key"], "provider_credentials"),
    carriers: {
      TWILIO: { name: "Twilio", fields: [named, { name: "sender_id", label: "Number or sender" }, { name: "account_sid", label: "Account SID" }, secret("auth_token", "Auth token")] },
      MSG91: { name: "MSG91", fields: [named, { name: "sender_id", label: "Sender id" }, { name: "dlt_entity_id", label: "DLT entity id", optional: true }, secret("auth_key", "Auth key")] },
      FAST2SMS: { name: "Fast2SMS", fields: [named, { name: "sender_id", label: "Sender id" }, { name: "dlt_entity_id", label: "DLT entity id", optional: true }, secret("api_key", "API key")] },
    },
  },
  telegram: {
    name: "Telegram", one: "a bot", path: "/telegram/v1/bots/", title: (row) => (row.bot_username ? `@${row.bot_username}` : "Bot"), about: (row) => row.bot_user_id ?? "",
    body: (carrier, given) => ({ fields: given }),
    carriers: { TELEGRAM: { name: "Telegram", fields: [secret("bot_token", "Token of the bot")], note: "Telegram is told the webhook's address by the gateway." } },
  },
  rcs: {
    name: "RCS", one: "an RCS agent", path: "/rcs/v1/apps/", title: (row) => row.agent_name || row.agent_id, about: (row) => row.provider,
    body: (carrier, { service_account_json, ...given }) => {
      const made = body("provider", ["access_token", "app_secret", "phone_number_id"], "provider_credentials")(carrier, given);
      return service_account_json ? { ...made, provider_credentials: { service_account_json: parsed(service_account_json) } } : made;
    },
    carriers: {
      GOOGLE_RBM: { name: "Google", fields: [{ name: "agent_name", label: "Name" }, { name: "agent_id", label: "Agent id" }, { name: "service_account_json", label: "Service account key (JSON)", rows: 4 }] },
      META_RCS: {
        name: "Meta", fields: [{ name: "agent_name", label: "Name" }, { name: "agent_id", label: "Agent id" }, { name: "phone_number_id", label: "Phone number id" },
          secret("access_token", "Access token"), secret("app_secret", "App secret")],
      },
    },
  },
};

/** Return what JSON says, or the text itself, of which the gateway tells what is wrong. */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
