import { expect } from 'chai';
import fc from 'fast-check';
import { closeReasonOf, peerText } from '../../../../src/io/quic/close-reason.js';

function error(isApp: boolean, errorCode: number, reason = '') {
  return { isApp, errorCode, reason: Buffer.from(reason) };
}

describe('closeReasonOf', () => {
  it('keeps the application’s code and text', () => {
    expect(closeReasonOf(error(true, 6, 'enough'), 'peer', true)).to.deep.equal({
      by: 'peer',
      code: 6,
      message: 'enough',
      reason: 'CONNECTION_LOST',
      wasOpen: true,
    });
    expect(closeReasonOf(error(true, 3, 'denied'), 'peer', true).reason).to.equal('UNAUTHENTICATED');
    expect(closeReasonOf(error(true, 0), 'peer', false).reason).to.equal('CONNECT_FAILED');
  });

  it('names the cause of TLS alerts (RFC 8446, section 6.2)', () => {
    const cases = { 42: 'bad_certificate', 45: 'certificate_expired', 48: 'unknown_ca', 116: 'certificate_required' };
    for (const [alert, name] of Object.entries(cases)) {
      const reason = closeReasonOf(error(false, 0x100 + Number(alert)), 'peer', false);
      expect(reason).to.include({ by: 'transport', reason: 'UNAUTHENTICATED', code: 0x100 + Number(alert) });
      expect(reason.message).to.contain(name).and.contain('the peer refused');
    }
    const alpn = closeReasonOf(error(false, 0x178), 'local', false);
    expect(alpn.reason).to.equal('CONNECT_FAILED');
    expect(alpn.message).to.contain('flotilla/1').and.contain('this node refused');
  });

  it('names QUIC transport errors (RFC 9000, section 20.1)', () => {
    expect(closeReasonOf(error(false, 4), 'peer', true)).to.deep.include({
      by: 'transport',
      code: 4,
      message: 'QUIC stream limit error reported by the peer',
    });
    expect(closeReasonOf(error(false, 999), 'local', true).message).to.equal('QUIC error 999');
  });

  it('makes one printable line of whatever a peer sends', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), fc.boolean(), (bytes, isApp) => {
        const { message } = closeReasonOf({ isApp, errorCode: 1, reason: bytes }, 'peer', true);
        expect(message).to.match(/^[^\p{C}\p{Zl}\p{Zp}]+$/u);
        expect(message.length).to.be.below(300);
      }),
    );
  });
});

describe('peerText', () => {
  it('fits a close frame into one datagram', () => {
    expect(peerText('x'.repeat(10_000)).length).to.equal(256);
    expect(peerText('short').toString()).to.equal('short');
  });
});
