/** Acts when everything has been read that has arrived by now: the event loop reads between one of its turns and the next. */
export function afterNextReads(act: () => void): void {
  setImmediate(() => setImmediate(act))
}
