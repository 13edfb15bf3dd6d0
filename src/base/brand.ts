/**
 * Branded primitive types: a `NodeId` is a string at run time, yet the compiler refuses a plain string where
 * one is expected. Values are made only by the checked constructors at the edge (decode once, then trust).
 */
declare const brand: unique symbol;

export type Brand<T, Name extends string> = T & { readonly [brand]: Name };
