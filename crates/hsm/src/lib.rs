//! Hardware security modules, through PKCS#11 (OASIS, versions 2.40 to 3.2): the libraries of their makers, the tokens in their slots,
//! and keys that are made there and cannot leave.
//!
//! A process may initialize a library once, and whoever finalizes it ends the sessions of all. So there is one [`Module`] for a library,
//! whoever uses it. Everything here waits for a device.

pub mod aes;
mod error;
mod identity;
mod keys;
mod module;
mod token;
mod watch;

pub use error::HsmError;
pub use identity::{Identity, PublicKey};
pub use module::{Library, Module, SETUP_MAX, USE_MAX};
pub use token::{Flags, Token};
