import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { createCertificateAuthority, type CertificateAuthority } from '../../sandbox/azure/certificates.ts'
import { systemClock } from '../../src/shared/clock.ts'

/** A certificate authority made for this test process. */
export function createTlsAuthority(commonName = 'Test authority'): CertificateAuthority {
  return createCertificateAuthority(commonName, systemClock.now())
}

/** Has the effect of NODE_EXTRA_CA_CERTS. Each test file is a process of its own, so no other process trusts it. */
export function trust(authority: Pick<CertificateAuthority, 'certificate'>): void {
  setDefaultCACertificates([...getCACertificates('default'), authority.certificate])
}
