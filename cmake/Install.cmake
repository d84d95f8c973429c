# cmake --install: musher_app() installs the binaries; here are the manual pages, the shells' completions, the units for
# systemd, and what programs that read --json need.

foreach(section 1 5 7)
  file(GLOB pages CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/man/*.${section}")
  install(FILES ${pages} DESTINATION "${CMAKE_INSTALL_MANDIR}/man${section}")
endforeach()

file(GLOB bash_completions CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/completions/bash/*")
install(FILES ${bash_completions} DESTINATION "${CMAKE_INSTALL_DATADIR}/bash-completion/completions")
file(GLOB zsh_completions CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/completions/zsh/_*")
install(FILES ${zsh_completions} DESTINATION "${CMAKE_INSTALL_DATADIR}/zsh/site-functions")
file(GLOB fish_completions CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/completions/fish/*.fish")
install(FILES ${fish_completions} DESTINATION "${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d")

# A unit names its program by its full path, which is known when it is installed.
set(musher_units musher-serve.service musher-verify.service musher-verify.timer)
install(CODE "
  foreach(unit ${musher_units})
    file(READ \"${PROJECT_SOURCE_DIR}/scripts/\${unit}\" text)
    string(REPLACE \"/usr/local/bin/\" \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_BINDIR}/\" text \"\${text}\")
    file(WRITE \"${PROJECT_BINARY_DIR}/units/\${unit}\" \"\${text}\")
    file(INSTALL \"${PROJECT_BINARY_DIR}/units/\${unit}\" DESTINATION \"\${CMAKE_INSTALL_PREFIX}/lib/systemd/system\")
  endforeach()")

install(FILES "${PROJECT_SOURCE_DIR}/docs/json.md" "${PROJECT_SOURCE_DIR}/docs/format.md" "${PROJECT_SOURCE_DIR}/docs/sync.md"
  "${PROJECT_SOURCE_DIR}/docs/operations.md" DESTINATION "${CMAKE_INSTALL_DOCDIR}")
install(DIRECTORY "${PROJECT_SOURCE_DIR}/docs/schemas" DESTINATION "${CMAKE_INSTALL_DOCDIR}")
