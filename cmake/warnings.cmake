# Warnings and sanitizers, the same for every target of the project.
function(outcrop_warnings target)
  target_compile_options(${target} PRIVATE
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Werror)
endfunction()

if(OUTCROP_SANITIZE)
  add_compile_options(-fsanitize=${OUTCROP_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${OUTCROP_SANITIZE})
  if(CMAKE_CXX_COMPILER_ID MATCHES "Clang" AND OUTCROP_SANITIZE MATCHES "undefined")
    # Clang 14 cannot lay out the function types that this check puts before each coroutine.
    add_compile_options(-fno-sanitize=function)
  endif()
endif()
