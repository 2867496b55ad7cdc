import '../../../style/packageLists.css';

export { ListsSection } from './section';
export { ListSheets } from './sheets';
