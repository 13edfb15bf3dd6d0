/**
 * Branded primitive types: a `NodeId` is a string at run time, yet the compiler refuses a plain string where
 * one is expected. Values are made only by the checked constructors at the edge (decode once, then trust).
 *
 * The key is a string and not a unique symbol, because declaration files cannot name the symbol where a branded type
 * is inferred.
 */
export type Brand<T, Name extends string> = T & { readonly __brand: Name };
