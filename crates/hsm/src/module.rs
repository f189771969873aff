//! The libraries of makers of devices, one of each for the process.

use crate::HsmError;
use crate::token::Seat;
use crate::watch::{PAUSE, Watch};
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

/// How long keys are waited for. What is usual takes milliseconds, and a device that takes over for another that failed a second or two;
/// callers of AWS's SDKs wait for a minute.
pub const USE_MAX: Duration = Duration::from_secs(5);

/// How long making RSA keys and initializing tokens is waited for: half a minute is not rare on small devices.
pub const SETUP_MAX: Duration = Duration::from_secs(60);

/// What a program says that the C library was linked into: another copy of that library, which a PKCS#11 library would bring, is not kept apart.
const STATIC: &str = "this is the static program, which can load no library: use the one named `fastness` of the same package, or the Debian package";

/// All libraries that were named so far.
static MODULES: Mutex<BTreeMap<PathBuf, Arc<Module>>> = Mutex::new(BTreeMap::new());

/// A library of PKCS#11, initialized while it is in use.
pub struct Module {
    path: PathBuf,
    /// None while nobody needs it. Whoever takes it to write ends all sessions first.
    live: RwLock<Option<Library>>,
    watch: Arc<Watch>,
}

/// An initialized library.
pub struct Library {
    functions: Pkcs11,
    /// Where somebody is logged in, by the tokens' serial numbers. Before the functions are finalized they are emptied.
    pub(crate) seats: Mutex<BTreeMap<String, Arc<Seat>>>,
}

impl Library {
    /// Its functions.
    pub fn functions(&self) -> &Pkcs11 {
        &self.functions
    }

    fn finalize(self) {
        let Self { functions, seats } = self;
        drop(seats);
        // Nothing depends on whether the library minds.
        let _done = functions.finalize();
    }
}

impl Module {
    /// The library at this path. It is not loaded yet.
    pub fn at(path: &Path) -> Arc<Self> {
        // Two ways to one file are one library to the loader.
        let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let mut modules = MODULES.lock().unwrap_or_else(PoisonError::into_inner);
        let module = modules.entry(path).or_insert_with_key(|path| Arc::new(Self::new(path)));
        Arc::clone(module)
    }

    fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), live: RwLock::new(None), watch: Arc::new(Watch::new(PAUSE)) }
    }

    /// Does work that asks the library's devices, and waits for it no longer than this. Nobody else may wait for a device. Work that is not
    /// waited for any more may still be done.
    ///
    /// # Errors
    /// It takes too long, or other work does at the moment; and whatever the work says.
    pub fn within<T: Send + 'static>(
        &self,
        limit: Duration,
        work: impl FnOnce() -> Result<T, HsmError> + Send + 'static,
    ) -> Result<T, HsmError> {
        self.watch.wait(limit, work)
    }

    /// Its file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Does work with the library, which is loaded and initialized if it is not.
    ///
    /// # Errors
    /// It cannot be loaded, and whatever the work says.
    pub fn with<T, E: From<HsmError>>(&self, work: impl FnOnce(&Library) -> Result<T, E>) -> Result<T, E> {
        loop {
            let live = self.live.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(library) = &*live {
                return work(library);
            }
            drop(live);
            let mut live = self.live.write().unwrap_or_else(PoisonError::into_inner);
            if live.is_none() {
                *live = Some(self.load()?);
            }
        }
    }

    /// Lets go of the library, unless somebody is logged in to one of its tokens.
    pub fn rest(&self) {
        let mut live = self.live.write().unwrap_or_else(PoisonError::into_inner);
        let idle = live
            .as_ref()
            .is_some_and(|library| library.seats.lock().unwrap_or_else(PoisonError::into_inner).is_empty());
        if idle && let Some(library) = live.take() {
            library.finalize();
        }
    }

    /// Initializes the library anew: some see what other processes changed in a token only then. Who is logged in logs in again when
    /// next needed.
    ///
    /// # Errors
    /// It cannot be loaded.
    pub fn refresh(&self) -> Result<(), HsmError> {
        let mut live = self.live.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(library) = live.take() {
            library.finalize();
        }
        *live = Some(self.load()?);
        Ok(())
    }

    fn load(&self) -> Result<Library, HsmError> {
        let failed = |reason: String| HsmError::Module { path: self.path.clone(), reason };
        // The loader's own words for this are about search paths.
        std::fs::metadata(&self.path).map_err(|error| failed(error.to_string()))?;
        if cfg!(target_feature = "crt-static") {
            return Err(failed(STATIC.to_owned()));
        }
        let functions = Pkcs11::new(&self.path).map_err(|error| failed(error.to_string()))?;
        functions.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK))?;
        Ok(Library { functions, seats: Mutex::default() })
    }
}

impl fmt::Debug for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Module").field(&self.path).finish()
    }
}

impl fmt::Debug for Library {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Library").finish_non_exhaustive()
    }
}
