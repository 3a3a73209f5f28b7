//! The embedded Kubernetes-style API server. Empty: it comes with its first real part.
