# The Rust bridge: one static library, built once by cargo and shared by all presets.
find_program(CARGO cargo REQUIRED)
set(OUTCROP_BRIDGE_TARGET_DIR ${CMAKE_SOURCE_DIR}/build/bridge)
set(OUTCROP_BRIDGE_LIBRARY ${OUTCROP_BRIDGE_TARGET_DIR}/release/liboutcrop_bridge.a)
file(GLOB_RECURSE bridge_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/bridge/src/*.rs)
add_custom_command(
  OUTPUT ${OUTCROP_BRIDGE_LIBRARY}
  COMMAND ${CMAKE_COMMAND} -E env CARGO_TARGET_DIR=${OUTCROP_BRIDGE_TARGET_DIR}
          ${CARGO} build --release --locked --manifest-path ${CMAKE_SOURCE_DIR}/bridge/Cargo.toml
  DEPENDS ${bridge_sources} ${CMAKE_SOURCE_DIR}/bridge/Cargo.toml ${CMAKE_SOURCE_DIR}/bridge/Cargo.lock
  COMMENT "Building the Rust bridge (tokenizers, minijinja, llguidance)"
  USES_TERMINAL)
add_custom_target(outcrop_bridge_build DEPENDS ${OUTCROP_BRIDGE_LIBRARY})
add_library(outcrop_bridge INTERFACE)
target_include_directories(outcrop_bridge INTERFACE ${CMAKE_SOURCE_DIR}/bridge/include)
target_link_libraries(outcrop_bridge INTERFACE ${OUTCROP_BRIDGE_LIBRARY} ${CMAKE_DL_LIBS} m)
add_dependencies(outcrop_bridge outcrop_bridge_build)
