// The same words read in every byte order: an engineer who knows what the value should be about sees at once which
// order the device has.

import type { ByteOrder } from '../../config/schema/modbus.ts';
import { type Batch, BatchBuilder } from '../../model/batch.ts';
import { isGood } from '../../model/status.ts';
import { decode, field } from './decode.ts';
import { isBits, type ModbusTag } from './plan.ts';

/** Which bytes an order can move depends on how many there are. */
const TWO: readonly ByteOrder[] = ['ABCD', 'BADC'];
const FOUR: readonly ByteOrder[] = ['ABCD', 'CDAB', 'BADC', 'DCBA'];
const EIGHT: readonly ByteOrder[] = ['ABCDEFGH', 'GHEFCDAB', 'BADCFEHG', 'HGFEDCBA'];

/** `batch` has one reading for each order; its `tag` column counts them. */
export interface Orders {
  readonly orders: readonly ByteOrder[];
  /** Which of them the mapping says, or comes to the same. */
  readonly mapped: number;
  readonly batch: Batch;
}

/**
 * The words in every order that makes sense; undefined where there is nothing to choose: coils, discrete inputs. An
 * order in which the words are no value of the type has a Bad reading.
 * @param order the order of the mapping
 */
export function inEveryOrder(
  { type, address, order, ...form }: Pick<ModbusTag, 'type' | 'address' | 'order' | 'sign' | 'encoding'>,
  words: readonly number[],
): Orders | undefined {
  if (isBits(address.table)) return undefined;
  const swapped = (one: ByteOrder) => one.startsWith('BA') || one.startsWith('DC') || one.startsWith('HG');
  const last = (one: ByteOrder) => one.startsWith('CD') || one.startsWith('DC') || /^[GH]/.test(one);
  const text = type.startsWith('string');
  const orders = words.length === 1 || text ? TWO : words.length === 4 ? EIGHT : FOUR;
  const data = new DataView(new ArrayBuffer(words.length * 2));
  for (const [i, word] of words.entries()) data.setUint16(i * 2, word);
  const out = new BatchBuilder(orders.length);
  for (const [i, one] of orders.entries()) {
    const cut = field(type, one, address, form);
    if (typeof cut === 'string') return undefined;
    const status = decode(data, 0, cut.code, cut.argument, i, 0, out);
    if (!isGood(status)) out.add(i, 0, status, null);
  }
  const mapped = orders.findIndex(
    (one) => swapped(one) === swapped(order) && (orders === TWO || last(one) === last(order)),
  );
  return { orders, mapped, batch: out.take() };
}
