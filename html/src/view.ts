// What a page's code leaves behind for when newer data has come.
export interface View {
  update: () => void; // window.pinfoData has changed
}
