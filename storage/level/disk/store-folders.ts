/** What lies where in the folder of a store. */
export const CATALOGUE_FOLDER = 'catalogue'
export const LOG_FOLDER = 'log'
export const QUARANTINE_FOLDER = 'quarantine'
/** A second copy of the entities. */
export const ENTITIES_FOLDER = 'entities'
/** What a restore has, until all of it is in its place. */
export const RESTORE_FOLDER = '.restore'
export const LOCK_FOLDER = 'lock'
/** Says in words which process has the store. */
export const OWNER_FILE = 'owner'
/** The broker that has the store listens there. */
export const CONTROL_SOCKET = 'ctl.sock'
/** Without these, there is no store. */
export const STORE_FOLDERS: readonly string[] = [CATALOGUE_FOLDER, LOG_FOLDER]
