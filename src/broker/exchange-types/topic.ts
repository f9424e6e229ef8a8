/**
 * Binding keys are paths of words in a trie; `*` stands for one word, `#` for any number of words. Matching carries the
 * set of nodes reached so far from word to word, each node at most once, so a key of w words costs at most w times the
 * number of nodes, however many `#` the binding keys repeat.
 */
import type { FieldTable } from '../../../protocol/field-table.ts'
import type { Binding, Destination } from '../binding.ts'
import type { RoutingTable } from './exchange-types.ts'

class TrieNode {
  readonly children = new Map<string, TrieNode>()
  readonly bindings = new Set<Binding>()
  /** A node reached over `#` stays reached, whatever word follows. */
  readonly isHash: boolean
  /** The last match that reached this node. */
  seenIn = 0

  constructor(isHash: boolean) {
    this.isHash = isHash
  }
}

export class TopicTable implements RoutingTable {
  readonly #root = new TrieNode(false)
  #match = 0

  add(binding: Binding): void {
    let node = this.#root
    for (const word of words(binding.routingKey)) {
      let child = node.children.get(word)
      if (child === undefined) {
        child = new TrieNode(word === '#')
        node.children.set(word, child)
      }
      node = child
    }
    node.bindings.add(binding)
  }

  remove(binding: Binding): void {
    const path: [TrieNode, string][] = []
    let node: TrieNode | undefined = this.#root
    for (const word of words(binding.routingKey)) {
      path.push([node, word])
      node = node.children.get(word)
      if (node === undefined) return
    }
    node.bindings.delete(binding)
    for (const [parent, word] of path.reverse()) {
      const child = parent.children.get(word)
      if (child === undefined || child.bindings.size > 0 || child.children.size > 0) return
      parent.children.delete(word)
    }
  }

  route(routingKey: string, _headers: FieldTable, visit: (destination: Destination) => void): void {
    let reached: TrieNode[] = []
    this.#match++
    this.#reach(this.#root, reached)
    for (const word of words(routingKey)) {
      const next: TrieNode[] = []
      this.#match++
      for (const node of reached) {
        if (node.isHash) this.#reach(node, next)
        const exact = node.children.get(word)
        // A routing key may contain the words `*` and `#`; in it they are words like any other.
        if (exact !== undefined && word !== '*' && word !== '#') this.#reach(exact, next)
        const any = node.children.get('*')
        if (any !== undefined) this.#reach(any, next)
      }
      reached = next
    }
    for (const node of reached) for (const binding of node.bindings) visit(binding.destination)
  }

  /** Adds the node, and those behind a `#` that stands for no word. */
  #reach(node: TrieNode, reached: TrieNode[]): void {
    for (
      let at: TrieNode | undefined = node;
      at !== undefined && at.seenIn !== this.#match;
      at = at.children.get('#')
    ) {
      at.seenIn = this.#match
      reached.push(at)
    }
  }
}

/** RabbitMQ: an empty key has no words, while `.` has two empty ones. */
function words(key: string): string[] {
  return key === '' ? [] : key.split('.')
}
