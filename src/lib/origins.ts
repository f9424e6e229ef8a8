/** Whether this is the origin of web pages as a browser writes it: `https://app.example`, `http://localhost:3000`. */
export function isOrigin(text: string): boolean {
  return /^https?:/.test(text) && URL.canParse(text) && new URL(text).origin === text
}
