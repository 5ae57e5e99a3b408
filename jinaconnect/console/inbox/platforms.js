// What the inbox has to know of each platform: whether one writes there, and whether free words end with a window.

export const PLATFORMS = {
  WHATSAPP: { name: "WhatsApp", writes: true, window: true },
  TELEGRAM: { name: "Telegram", writes: true },
  SMS: { name: "SMS", writes: true },
  RCS: { name: "RCS", writes: true },
  VOICE: { name: "Voice", writes: false },
};
