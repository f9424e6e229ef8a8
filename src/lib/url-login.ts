/** User and password in front of the host of a URL: to the last @ before its path, as those who fetch it read it. */
const LOGIN = /(?<!\bfile)(:[/\\]{2,})[^/\\?#]*@/gi

/** URLs as they may be shown. */
export function withoutLogin(text: string): string {
  return text.replace(LOGIN, '$1(hidden)@')
}
