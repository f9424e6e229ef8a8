/**
 * Which page has a browser send a request. A browser sends the name and password that its user has typed once with every request, also
 * with one that a page of somebody else makes; but it says which page that is.
 */

/** Programs say neither, and are of no site. */
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
