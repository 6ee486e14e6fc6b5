import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { createCertificateAuthority, type CertificateAuthority } from '../../sandbox/azure/certificates.ts'
import { systemClock } from '../../src/shared/clock.ts'

/** A certificate authority made for this test process. */
export function createTlsAuthority(commonName = 'Test authority'): CertificateAuthority {
  return createCertificateAuthority(commonName, systemClock.now())
}

/** What NODE_EXTRA_CA_CERTS would do at start. Each test file is a process of its own, so nothing else learns to trust it. */
export function trust(authority: Pick<CertificateAuthority, 'certificate'>): void {
  setDefaultCACertificates([...getCACertificates('default'), authority.certificate])
}
