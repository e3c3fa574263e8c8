/** The version of Redis whose behaviour and errors these are; clients choose what they send by it. */
export const serverVersion = '7.0.15'

/** 0xMMmmpp: `redis.REDIS_VERSION_NUM`. */
export const serverVersionNumber = 0x07_00_0f
