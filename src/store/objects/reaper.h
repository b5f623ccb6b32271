#pragma once
// Removes blobs that nothing names any more, but not from under this process's readers. Private to the object
// service.
//
// A reader takes a ticket before it looks into the catalogue; blobs are buried with a number from the same
// counter after the transaction that freed them. A reader with a greater number cannot have seen them, so they
// go as soon as no smaller ticket is out.

#include "store/blob_store.h"

#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace outcrop::store::objects {

/// Thread-safe.
class Reaper {
 public:
  explicit Reaper(BlobStore& blobs) : blobs_(blobs) {}

  class Ticket {
   public:
    Ticket(Ticket&& other) noexcept : reaper_(std::exchange(other.reaper_, nullptr)), number_(other.number_) {}
    Ticket& operator=(Ticket&&) = delete;
    ~Ticket() {
      if (reaper_ != nullptr) reaper_->leave(number_);
    }

   private:
    friend class Reaper;
    Ticket(Reaper* reaper, std::uint64_t number) : reaper_(reaper), number_(number) {}
    Reaper* reaper_;
    std::uint64_t number_;
  };

  Ticket enter();
  void bury(const std::vector<std::string>& blobs);

 private:
  void leave(std::uint64_t number);
  /// Takes what no ticket protects; call with mu_ held.
  std::vector<std::string> take_unprotected();
  void remove(const std::vector<std::string>& blobs);

  BlobStore& blobs_;
  std::mutex mu_;
  // Guarded by mu_.
  std::uint64_t next_ = 1;
  std::set<std::uint64_t> tickets_;
  std::map<std::uint64_t, std::vector<std::string>> buried_;
};

}  // namespace outcrop::store::objects
