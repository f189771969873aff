//! Where the C library looks users and hosts up. It is here since this is the room with `unsafe`.

use std::ffi::{CStr, c_char, c_int};
use std::io;

/// What the C library can do by itself, by database (nsswitch.conf(5)).
const SERVICES: [(&CStr, &CStr); 3] = [(c"passwd", c"files"), (c"group", c"files"), (c"hosts", c"files dns")];

#[cfg(target_env = "gnu")]
#[expect(unsafe_code, reason = "a function of the C library")]
unsafe extern "C" {
    /// From glibc's `nss.h`.
    fn __nss_configure_lookup(database: *const c_char, services: *const c_char) -> c_int;
}

/// Keeps a static program from loading what `/etc/nsswitch.conf` names: such libraries bring a C library of their own, and the process
/// ends by a fault. To be called before anything is looked up; does nothing in a program that loads libraries anyway.
///
/// # Errors
/// The C library refuses.
pub fn look_up_without_libraries() -> io::Result<()> {
    if !cfg!(target_feature = "crt-static") {
        return Ok(());
    }
    SERVICES.iter().try_for_each(|(database, services)| configure(database, services))
}

#[cfg(target_env = "gnu")]
fn configure(database: &CStr, services: &CStr) -> io::Result<()> {
    #[expect(unsafe_code, reason = "a function of the C library")]
    // SAFETY: both are strings that end with a zero; the C library copies what it keeps.
    let done = unsafe { __nss_configure_lookup(database.as_ptr(), services.as_ptr()) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(not(target_env = "gnu"))]
fn configure(_: &CStr, _: &CStr) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::ToSocketAddrs as _;

    #[test]
    fn hosts_are_found_without_libraries() {
        // In this process alone, and the tests look nothing else up.
        for (database, services) in SERVICES {
            configure(database, services).unwrap();
        }
        assert!("localhost:1".to_socket_addrs().unwrap().next().is_some());
    }
}
