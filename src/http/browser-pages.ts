/**
 * Which page has a browser send a request. Once its user has typed a name and a password, a browser sends them with every request to
 * that server, whichever site's page makes it. It also says where the page is from.
 */

/** Programs that are no browsers say nothing of that. */
export function isFromAnotherSite(headers: Headers): boolean {
  const site = headers.get('sec-fetch-site')
  // The user has typed the address.
  if (site !== null) return site !== 'same-origin' && site !== 'none'
  // Without HTTPS, browsers tell the origin alone.
  const origin = headers.get('origin')
  return origin !== null && hostIn(origin) !== headers.get('host')?.toLowerCase()
}

/** With its port, unless that is the usual one. Undefined for pages that hide where they come from. */
function hostIn(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined
}
