/**
 * What a field that may come to hold more than 2³¹ is made with, before its constructor sets it to 0. V8 lays a field out for small
 * integers as long as it has held nothing else, and throws away all the machine code that relies on it when one does not fit: for a
 * backlog that passes 2 GiB, in the middle of its growth.
 */
export const AS_DOUBLE = 0.5
