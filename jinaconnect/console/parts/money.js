// Amounts of money, as exact as they are kept.

/** Return an amount in its currency; fractions of a cent are shown where there are some. */
export function money(amount, currency) {
  return new Intl.NumberFormat(undefined, { style: "currency", currency, maximumFractionDigits: 6 }).format(amount);
}

/** Return an amount that was added or taken away, with its sign. */
export function signed(amount, currency) {
  return new Intl.NumberFormat(undefined, { style: "currency", currency, maximumFractionDigits: 6, signDisplay: "exceptZero" }).format(amount);
}
