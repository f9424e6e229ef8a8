/** `page`, `page_size`, `name` and `use_regex`: which part of a list is asked for. */
import { compilePattern } from '../../lib/name-pattern.ts'
import { ApiError, badRequest } from '../api-error.ts'

const PAGE_SIZE = 100
const PAGE_SIZE_MAX = 500

export interface PageRequest {
  readonly page: number
  readonly pageSize: number
  isWanted(name: string): boolean
  /** It may take long for one name. */
  readonly isSlow: boolean
}

/** Undefined when the whole list is asked for. Throws ApiError. */
export function pageRequest(query: URLSearchParams): PageRequest | undefined {
  const page = integer(query, 'page')
  const pageSize = integer(query, 'page_size')
  if (page === undefined) return undefined
  const isInRange = page > 0 && (pageSize === undefined || (pageSize > 0 && pageSize <= PAGE_SIZE_MAX))
  if (!isInRange) {
    const shown = `page number ${page}, page size ${pageSize ?? 'undefined'}`
    throw new ApiError(400, 'invalid_pagination_parameters', `Invalid pagination parameters: ${shown}`)
  }
  return { page, pageSize: pageSize ?? PAGE_SIZE, ...nameFilter(query) }
}

function integer(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name)
  if (text === null || text === '') return undefined
  if (!/^-?\d{1,15}$/.test(text)) throw badRequest('Pagination parameters are invalid')
  return Number(text)
}

/** RabbitMQ: a part of the name in any case, or a regular expression. */
function nameFilter(query: URLSearchParams): Pick<PageRequest, 'isWanted' | 'isSlow'> {
  const name = query.get('name') ?? ''
  if (name === '') return { isWanted: () => true, isSlow: false }
  if (query.get('use_regex') !== 'true') {
    const part = name.toLowerCase()
    return { isWanted: (candidate) => candidate.toLowerCase().includes(part), isSlow: false }
  }
  try {
    const pattern = compilePattern(`(?i)${name}`)
    return { isWanted: (candidate) => pattern.test(candidate), isSlow: true }
  } catch {
    throw badRequest('Pagination parameters are invalid')
  }
}

/** Where a page is, and what RabbitMQ says of it beside its items. Throws ApiError for a page that there is not. */
export function pageAround({ page, pageSize }: PageRequest, totalCount: number, filteredCount: number) {
  const pageCount = Math.max(1, Math.ceil(filteredCount / pageSize))
  if (page > pageCount) {
    const reason = `Page out of range, page: ${page} page size: ${pageSize}, len: ${filteredCount}`
    throw new ApiError(400, 'page_out_of_range', reason)
  }
  const start = (page - 1) * pageSize
  return {
    start,
    end: Math.min(start + pageSize, filteredCount),
    fields: {
      filtered_count: filteredCount,
      page,
      page_count: pageCount,
      page_size: pageSize,
      total_count: totalCount,
    },
  }
}
