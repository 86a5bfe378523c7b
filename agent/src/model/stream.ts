/**
 * The two lanes of delivery. Both carry entries of one numbering: a consumer proves completeness by the union of
 * the ranges it received of an epoch, whichever lane they came by.
 */
export type Stream = 'live' | 'backfill';
