// Exists so that the precompiled header of catch.hpp has a target to belong to (cmake/Tests.cmake).
