import { expect } from 'chai';
import { TurnDuty } from '../../../../src/io/quic/turn-duty.js';

describe('TurnDuty', () => {
  let duty: TurnDuty;

  beforeEach(() => {
    duty = new TurnDuty();
  });

  it('sends in the first turn', () => {
    expect(duty.next()).to.equal('send');
  });

  it('leaves a lone datagram one turn for an answer, and then acknowledges it', () => {
    duty.received(true);
    expect([duty.next(), duty.next()]).to.deep.equal(['anotherTurn', 'send']);
  });

  it('has nothing left to do once the answer has left', () => {
    duty.received(true);
    expect(duty.next()).to.equal('anotherTurn');
    duty.sent();
    expect(duty.next()).to.equal('nothing');
  });

  it('does not wait with an answer that is there', () => {
    duty.received(true);
    duty.mustSend();
    expect(duty.next()).to.equal('send');
  });

  it('acknowledges a second datagram at once (RFC 9000, section 13.2.2)', () => {
    duty.received(true);
    duty.received(false);
    expect(duty.next()).to.equal('send');
    duty.sent();
    duty.received(true);
    expect(duty.next()).to.equal('anotherTurn');
    duty.received(false);
    expect(duty.next()).to.equal('send');
  });

  it('does not wait after a datagram without anything for the user: it may have made room for what waits', () => {
    duty.received(true);
    duty.broughtNothing();
    expect(duty.next()).to.equal('send');
  });

  it('does not take back an answer that left while the datagram was read', () => {
    duty.received(true);
    duty.sent();
    duty.broughtNothing();
    expect(duty.next()).to.equal('nothing');
  });

  it('stops waiting where answers do not come, and tries again now and then', () => {
    const waits = Array.from({ length: 100 }, () => {
      duty.received(true);
      const isWait = duty.next() === 'anotherTurn';
      if (isWait) expect(duty.next()).to.equal('send');
      duty.sent();
      return isWait;
    });
    expect(waits.slice(0, 5)).to.deep.equal([true, true, true, true, false]);
    expect(waits.filter(Boolean)).to.have.length(4 + 6);
  });

  it('waits again once an answer has come', () => {
    for (let i = 0; i < 20; i += 1) {
      duty.received(true);
      if (duty.next() === 'anotherTurn') expect(duty.next()).to.equal('send');
      duty.sent();
    }
    const waits = Array.from({ length: 32 }, () => {
      duty.received(true);
      const isWait = duty.next() === 'anotherTurn';
      duty.mustSend();
      expect(duty.next()).to.equal('send');
      duty.sent();
      return isWait;
    });
    expect(waits.slice(16)).to.deep.equal(Array.from({ length: 16 }, () => true));
  });
});
