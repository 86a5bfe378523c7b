// The plan as `fieldgate plan` shows it: each request in words and in figures, with what it costs on the line.

import type { Planned } from '../survey.ts';
import type { ModbusOptions } from './adapter.ts';
import { READ } from './frame.ts';
import { askedOf, isBits, type ModbusTag, plan, type Request } from './plan.ts';
import { silenceOf, transmission } from './serial.ts';
import type { Transport } from './transport.ts';

/** What is asked for; of SunSpec devices by model, because their addresses are known at the device only. */
export function planOf(options: ModbusOptions): Planned[] {
  const { tags, transport } = options;
  const plain = plan(tags, options, ({ sunspec }) => sunspec === undefined).requests.map((each) =>
    planned(each, tags, transport),
  );
  const models = Map.groupBy(
    tags.filter(({ sunspec }) => sunspec !== undefined),
    ({ unitId, sunspec }) => `${unitId} ${sunspec!.model}`,
  );
  for (const own of models.values()) {
    const located = own.map(({ sunspec, ...tag }) => ({
      ...tag,
      ...(sunspec?.exponent !== undefined && { exponent: sunspec.exponent }),
    }));
    for (const each of plan(located, options).requests) {
      const one = planned(each, own, transport);
      const text = one.text.replace(' holding ', ` SunSpec model ${own[0]!.sunspec!.model}, from its begin `);
      plain.push({ ...one, text, facts: { ...one.facts, model: own[0]!.sunspec!.model } });
    }
  }
  return plain;
}

function planned(each: Request, tags: readonly ModbusTag[], transport: Transport): Planned {
  const { group, start, quantity } = each;
  const { unit, table, poll } = group;
  const asked = askedOf(each.cells);
  const bits = isBits(table);
  const one = bits ? 'bit' : 'register';
  const last = start + quantity - 1;
  const extra = quantity - asked;
  const size = `${quantity} ${one}${quantity === 1 ? '' : 's'}`;
  return {
    every: poll,
    text:
      `unit ${unit} ${table} ${quantity === 1 ? start : `${start}-${last}`} ` +
      `(${size}${extra > 0 ? `, ${extra} of them nobody asked for` : ''})`,
    tags: Array.from(each.slot, (slot) => tags[slot]!.index),
    facts: {
      unit,
      table,
      function: READ[table],
      start,
      quantity,
      unasked: extra,
      most: bits ? 2_000 : 125,
      ...framesOf(transport, bits ? Math.ceil(quantity / 8) : quantity * 2),
    },
  };
}

/** Bytes of both frames, and on a serial port how long these and their silences take, ms. */
function framesOf(transport: Transport, data: number): Record<string, number> {
  const rtu = transport.kind === 'rtu' || transport.kind === 'rtu-over-tcp';
  // Address, function, start, quantity, checksum; MBAP has six bytes more and no checksum.
  const requestBytes = rtu ? 8 : 12;
  const replyBytes = (rtu ? 5 : 9) + data;
  if (transport.kind !== 'rtu') return { requestBytes, replyBytes };
  const silences = 2 * (transport.silence ?? silenceOf(transport.baudRate));
  const lineTime = transmission(transport, requestBytes + replyBytes) + silences;
  return { requestBytes, replyBytes, lineTime: Number(lineTime.toFixed(2)) };
}
