export { addToDenyList, denyFileOf, parseDenyList, readDenyList } from './deny-list.js';
export { DevelopmentCa, type IssuedCertificate, type IssueOptions } from './development-ca.js';
export {
  formatInitializedFile,
  type InitCertificatesOptions,
  type InitializedFile,
  initCertificates,
} from './init-certificates.js';
export { ensureNodeCertificate, type NodeCertificateFiles, type NodeCertificateOptions } from './node-certificate.js';
export { type CertificateInfo, readCertificate } from './read-certificate.js';
