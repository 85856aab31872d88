//! The kernels on a CUDA device, by the driver, on libtorch's current stream.

use std::collections::HashMap;
use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::sync::{Mutex, OnceLock, PoisonError};

use super::cache::compiled;
use super::launch::{Arguments, Kernel, Launch, Launcher};
use super::library::Library;
use super::nvrtc::{Nvrtc, Parts, Source, function};
use super::records::THREADS;
use crate::libtorch::stream::current_stream;

type Handle = *mut c_void;

/// The functions of the driver that are called here.
#[derive(Debug)]
struct Driver {
    device_get: unsafe extern "C" fn(*mut c_int, c_int) -> c_int,
    attribute: unsafe extern "C" fn(*mut c_int, c_int, c_int) -> c_int,
    retain: unsafe extern "C" fn(*mut Handle, c_int) -> c_int,
    push: unsafe extern "C" fn(Handle) -> c_int,
    pop: unsafe extern "C" fn(*mut Handle) -> c_int,
    load: unsafe extern "C" fn(*mut Handle, *const c_void) -> c_int,
    function: unsafe extern "C" fn(*mut Handle, Handle, *const c_char) -> c_int,
    #[allow(clippy::type_complexity, reason = "the type that cuda.h gives it")]
    launch: unsafe extern "C" fn(
        Handle,
        c_uint,
        c_uint,
        c_uint,
        c_uint,
        c_uint,
        c_uint,
        c_uint,
        Handle,
        *mut *mut c_void,
        *mut *mut c_void,
    ) -> c_int,
    error: unsafe extern "C" fn(c_int, *mut *const c_char) -> c_int,
    _library: Library,
}

// From cuda.h.
const CAPABILITY_MAJOR: c_int = 75;
const CAPABILITY_MINOR: c_int = 76;

impl Driver {
    fn get() -> Result<&'static Self, String> {
        static DRIVER: OnceLock<Result<Driver, String>> = OnceLock::new();
        DRIVER
            .get_or_init(Self::open)
            .as_ref()
            .map_err(String::clone)
    }

    fn open() -> Result<Self, String> {
        let library = Library::open(&["libcuda.so.1", "libcuda.so"].map(String::from))?;
        // SAFETY: these are the types that cuda.h gives the functions.
        unsafe {
            let init: unsafe extern "C" fn(c_uint) -> c_int = function(&library, c"cuInit")?;
            let driver = Self {
                device_get: function(&library, c"cuDeviceGet")?,
                attribute: function(&library, c"cuDeviceGetAttribute")?,
                retain: function(&library, c"cuDevicePrimaryCtxRetain")?,
                push: function(&library, c"cuCtxPushCurrent_v2")?,
                pop: function(&library, c"cuCtxPopCurrent_v2")?,
                load: function(&library, c"cuModuleLoadData")?,
                function: function(&library, c"cuModuleGetFunction")?,
                launch: function(&library, c"cuLaunchKernel")?,
                error: function(&library, c"cuGetErrorString")?,
                _library: library,
            };
            driver.checked("cuInit", init(0))?;
            Ok(driver)
        }
    }

    /// What a call answered.
    fn checked(&self, call: &str, answer: c_int) -> Result<(), String> {
        if answer == 0 {
            return Ok(());
        }
        let mut text = std::ptr::null();
        // SAFETY: the driver writes the address of a string that stays, or leaves null.
        let text = unsafe {
            (self.error)(answer, &raw mut text);
            (!text.is_null()).then(|| CStr::from_ptr(text).to_string_lossy().into_owned())
        };
        let text = text.unwrap_or_else(|| "an unknown error".to_owned());
        Err(format!("{call} failed with {answer}: {text}"))
    }
}

/// Functions of one source on one device. They stay loaded.
#[derive(Clone, Debug)]
pub(super) struct Loaded {
    driver: &'static Driver,
    device: usize,
    context: Handle,
    functions: Vec<Handle>,
}

// SAFETY: handles of the driver may be used from any thread, in the context that they are of.
unsafe impl Send for Loaded {}
// SAFETY: as above; nothing of it changes.
unsafe impl Sync for Loaded {}

/// The kernels of some rules and elements on one device.
#[derive(Clone, Debug)]
pub(super) struct OnDevice(Loaded);

impl OnDevice {
    /// Compiles and loads them, unless that was done before in this process.
    pub(super) fn new(device: usize, parts: Parts) -> Result<Self, String> {
        type Known = Mutex<HashMap<(usize, Parts), Result<OnDevice, String>>>;
        static KNOWN: OnceLock<Known> = OnceLock::new();
        let known = KNOWN.get_or_init(Known::default);
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        let found = known.entry((device, parts));
        found.or_insert_with(|| Self::load(device, parts)).clone()
    }

    fn load(device: usize, parts: Parts) -> Result<Self, String> {
        let names = Kernel::ALL.map(Kernel::name);
        Ok(Self(Loaded::new(device, &Source::of(parts), &names)?))
    }
}

impl Loaded {
    /// Compiles a source, or finds it compiled, and loads the functions of these names.
    pub(super) fn new(device: usize, source: &Source<'_>, names: &[&CStr]) -> Result<Self, String> {
        let driver = Driver::get()?;
        let nvrtc = Nvrtc::get()?;
        let target = nvrtc.target(capability(driver, device)?)?;
        let image = compiled(nvrtc, target, source)?;
        let mut context = std::ptr::null_mut();
        let mut functions = Vec::new();
        // SAFETY: the image is of the source, and lives longer than the calls. PTX from NVRTC ends
        // with a 0. The context is the primary one, which libtorch has too; it is never let go of.
        unsafe {
            let mut ordinal = 0;
            driver.checked(
                "cuDeviceGet",
                (driver.device_get)(&raw mut ordinal, device as c_int),
            )?;
            driver.checked(
                "cuDevicePrimaryCtxRetain",
                (driver.retain)(&raw mut context, ordinal),
            )?;
            driver.checked("cuCtxPushCurrent", (driver.push)(context))?;
            let loaded = Self::functions(driver, &image, names, &mut functions);
            let mut popped = std::ptr::null_mut();
            (driver.pop)(&raw mut popped);
            loaded?;
        }
        Ok(Self {
            driver,
            device,
            context,
            functions,
        })
    }

    /// Loads an image into the current context, and finds functions in it.
    ///
    /// # Safety
    ///
    /// A context is current, and the image is one of code.
    unsafe fn functions(
        driver: &Driver,
        image: &[u8],
        names: &[&CStr],
        functions: &mut Vec<Handle>,
    ) -> Result<(), String> {
        let mut module = std::ptr::null_mut();
        // SAFETY: the caller keeps to the conditions.
        unsafe {
            let loaded = (driver.load)(&raw mut module, image.as_ptr().cast());
            driver.checked("cuModuleLoadData", loaded)?;
            for name in names {
                let mut found = std::ptr::null_mut();
                let answer = (driver.function)(&raw mut found, module, name.as_ptr());
                driver.checked("cuModuleGetFunction", answer)?;
                functions.push(found);
            }
        }
        Ok(())
    }

    /// Launches a function on libtorch's current stream.
    ///
    /// # Safety
    ///
    /// The parameters point to what the function takes, and what these point to is valid on the device
    /// until its stream has come so far.
    ///
    /// # Panics
    ///
    /// Where the driver fails, as libtorch does.
    pub(super) unsafe fn launch(
        &self,
        function: usize,
        blocks: c_uint,
        threads: c_uint,
        parameters: &mut [*mut c_void],
    ) {
        let stream = current_stream(self.device);
        // SAFETY: the driver copies the parameters before it returns; the caller says of the rest.
        let launched = unsafe {
            (self.driver.push)(self.context);
            let launched = (self.driver.launch)(
                self.functions[function],
                blocks,
                1,
                1,
                threads,
                1,
                1,
                0,
                stream,
                parameters.as_mut_ptr(),
                std::ptr::null_mut(),
            );
            let mut popped = std::ptr::null_mut();
            (self.driver.pop)(&raw mut popped);
            launched
        };
        if let Err(message) = self.driver.checked("cuLaunchKernel", launched) {
            panic!("{message}");
        }
    }
}

/// The compute capability of a device, 90 for 9.0.
fn capability(driver: &Driver, device: usize) -> Result<i32, String> {
    let (mut ordinal, mut major, mut minor) = (0, 0, 0);
    // SAFETY: all three are valid to write to during the calls.
    unsafe {
        let found = (driver.device_get)(&raw mut ordinal, device as c_int);
        driver.checked("cuDeviceGet", found)?;
        let answer = (driver.attribute)(&raw mut major, CAPABILITY_MAJOR, ordinal);
        driver.checked("cuDeviceGetAttribute", answer)?;
        let answer = (driver.attribute)(&raw mut minor, CAPABILITY_MINOR, ordinal);
        driver.checked("cuDeviceGetAttribute", answer)?;
    }
    Ok(10 * major + minor)
}

impl Launcher for OnDevice {
    /// # Panics
    ///
    /// Where the driver fails, as libtorch does.
    unsafe fn launch(&self, launch: &Launch<'_>) {
        let mut plan = *launch.plan;
        let mut parameters: Vec<*mut c_void> = vec![(&raw mut plan).cast()];
        let mut arguments = launch.arguments;
        match &mut arguments {
            Arguments::None => {}
            Arguments::Begin(begin) => parameters.push(std::ptr::from_mut(begin).cast()),
            Arguments::Release {
                tensor,
                moment,
                count,
            } => {
                parameters.push(std::ptr::from_mut(tensor).cast());
                parameters.push(std::ptr::from_mut(moment).cast());
                parameters.push(std::ptr::from_mut(count).cast());
            }
        }
        let blocks = c_uint::try_from(launch.blocks).expect("fewer blocks than a grid has");
        // SAFETY: the parameters are those of the kernel, and the caller gives a plan that is valid on
        // this device.
        unsafe {
            let kernel = launch.kernel as usize;
            self.0
                .launch(kernel, blocks, THREADS as c_uint, &mut parameters);
        }
    }
}
