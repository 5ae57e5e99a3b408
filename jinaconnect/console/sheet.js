// Style sheets of single pages, loaded with the page that needs them.

/** Wait until a style sheet holds; asked for again it is not loaded again. */
export function sheet(url) {
  const href = String(url);
  const there = [...document.styleSheets].some((each) => each.href === href);
  if (there) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href, onload: resolve, onerror: reject });
    document.head.append(link);
  });
}
