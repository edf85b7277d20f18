//! An allocator that counts. It stands here because an allocator is unsafe code; nothing of it crosses the boundary.
#![expect(unsafe_code, reason = "sealed: an allocator hands out raw memory")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    fmt,
};

thread_local! {
    // Constant and without a destructor, so that reading it allocates nothing.
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

/// The system's allocator, with a count of each thread's allocations. For a test program of a vendor's: a library
/// allocates by itself, so nobody outside of it can count.
///
/// ```
/// use prony_plugin_api::testing::CountingAllocator;
///
/// #[global_allocator]
/// static ALLOCATOR: CountingAllocator = CountingAllocator;
///
/// let before = CountingAllocator::allocations();
/// let boxed = Box::new(7);
/// assert_eq!(CountingAllocator::allocations() - before, 1);
/// # drop(boxed);
/// ```
#[derive(Clone, Copy, Default)]
pub struct CountingAllocator;

impl CountingAllocator {
    /// How often this thread has allocated or grown an allocation so far. Zero when this is not the global allocator.
    pub fn allocations() -> u64 {
        ALLOCATIONS.with(Cell::get)
    }
}

fn count() {
    // A thread that is being taken down allocates uncounted.
    let _ = ALLOCATIONS.try_with(|allocations| allocations.set(allocations.get() + 1));
}

// SAFETY: every call is handed on to the system's allocator as it came.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's obligation.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller's obligation.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: the caller's obligation.
        unsafe { System.realloc(memory, layout, size) }
    }
}

impl fmt::Debug for CountingAllocator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CountingAllocator").field("allocations", &Self::allocations()).finish()
    }
}
