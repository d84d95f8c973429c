# cmake --install: musher_app() installs the binaries; here are the manual pages, the shells' completions, and what programs
# that read --json need.

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

install(FILES "${PROJECT_SOURCE_DIR}/docs/json.md" "${PROJECT_SOURCE_DIR}/docs/format.md" DESTINATION "${CMAKE_INSTALL_DOCDIR}")
install(DIRECTORY "${PROJECT_SOURCE_DIR}/docs/schemas" DESTINATION "${CMAKE_INSTALL_DOCDIR}")
